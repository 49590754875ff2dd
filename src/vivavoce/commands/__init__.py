"""The commands of `vivavoce` beyond the models: each module is one, thin over the package that does the work."""
