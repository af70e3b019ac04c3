"""The catalogue of movies: who may change it is decided by tokens, everybody may read it."""
