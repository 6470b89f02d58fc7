"""The package's own data, made anew: the sketches and the backbone pretrained on them."""
