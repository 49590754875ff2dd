"""What is on a picture, for a language model that cannot see: one small file for each step."""
