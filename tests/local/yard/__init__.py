"""A service whose second revision is as slow as the table `pace` says; for tests that end it half-way."""
