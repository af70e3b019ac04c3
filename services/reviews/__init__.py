"""Reviews of movies, the ratings they add up to, and the chart of the best rated."""
