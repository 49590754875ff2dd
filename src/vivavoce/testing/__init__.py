"""What tests of Vivavoce, of your engines and of your clients need: shipped, so that yours can use it too."""
