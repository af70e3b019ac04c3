"""Migrations as the tool sees them: read from the services' folders, rendered, judged, the data copied before."""
