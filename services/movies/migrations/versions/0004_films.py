"""Real films to begin with. Run again it adds nothing, and it never touches what somebody changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import insert

revision = "0004"
down_revision = "0003"

MOVIES = sa.table(
    "movies",
    sa.column("id", sa.BigInteger),
    sa.column("title", sa.Text),
    sa.column("year", sa.Integer),
    sa.column("director", sa.Text),
    sa.column("runtime_minutes", sa.Integer),
)

FILMS = (
    # title, year, director, minutes; the place in this list is the id, so add at the end only
    ("Metropolis", 1927, "Fritz Lang", 153),
    ("City Lights", 1931, "Charlie Chaplin", 87),
    ("Modern Times", 1936, "Charlie Chaplin", 87),
    ("Citizen Kane", 1941, "Orson Welles", 119),
    ("Casablanca", 1942, "Michael Curtiz", 102),
    ("Bicycle Thieves", 1948, "Vittorio De Sica", 89),
    ("The Third Man", 1949, "Carol Reed", 104),
    ("Rashomon", 1950, "Akira Kurosawa", 88),
    ("Tokyo Story", 1953, "Yasujirō Ozu", 136),
    ("Seven Samurai", 1954, "Akira Kurosawa", 207),
    ("Rear Window", 1954, "Alfred Hitchcock", 112),
    ("Pather Panchali", 1955, "Satyajit Ray", 125),
    ("The Seventh Seal", 1957, "Ingmar Bergman", 96),
    ("12 Angry Men", 1957, "Sidney Lumet", 96),
    ("Vertigo", 1958, "Alfred Hitchcock", 128),
    ("The 400 Blows", 1959, "François Truffaut", 99),
    ("Breathless", 1960, "Jean-Luc Godard", 90),
    ("Psycho", 1960, "Alfred Hitchcock", 109),
    ("Lawrence of Arabia", 1962, "David Lean", 222),
    ("8½", 1963, "Federico Fellini", 138),
    ("Dr. Strangelove", 1964, "Stanley Kubrick", 95),
    ("Black God, White Devil", 1964, "Glauber Rocha", 120),
    ("Persona", 1966, "Ingmar Bergman", 83),
    ("2001: A Space Odyssey", 1968, "Stanley Kubrick", 149),
    ("The Godfather", 1972, "Francis Ford Coppola", 175),
    ("Solaris", 1972, "Andrei Tarkovsky", 167),
    ("Chinatown", 1974, "Roman Polanski", 130),
    ("Taxi Driver", 1976, "Martin Scorsese", 114),
    ("Star Wars", 1977, "George Lucas", 121),
    ("Alien", 1979, "Ridley Scott", 117),
    ("Stalker", 1979, "Andrei Tarkovsky", 161),
    ("Apocalypse Now", 1979, "Francis Ford Coppola", 147),
    ("Raging Bull", 1980, "Martin Scorsese", 129),
    ("Blade Runner", 1982, "Ridley Scott", 117),
    ("Paris, Texas", 1984, "Wim Wenders", 145),
    ("Ran", 1985, "Akira Kurosawa", 160),
    ("Cinema Paradiso", 1988, "Giuseppe Tornatore", 155),
    ("Do the Right Thing", 1989, "Spike Lee", 120),
    ("The Silence of the Lambs", 1991, "Jonathan Demme", 118),
    ("Schindler's List", 1993, "Steven Spielberg", 195),
    ("The Piano", 1993, "Jane Campion", 117),
    ("Pulp Fiction", 1994, "Quentin Tarantino", 154),
    ("Fargo", 1996, "Joel Coen", 98),
    ("Central Station", 1998, "Walter Salles", 110),
    ("All About My Mother", 1999, "Pedro Almodóvar", 101),
    ("The Matrix", 1999, "Lana Wachowski and Lilly Wachowski", 136),
    ("In the Mood for Love", 2000, "Wong Kar-wai", 98),
    ("Spirited Away", 2001, "Hayao Miyazaki", 124),
    ("City of God", 2002, "Fernando Meirelles", 130),
    ("Pan's Labyrinth", 2006, "Guillermo del Toro", 118),
    ("There Will Be Blood", 2007, "Paul Thomas Anderson", 158),
    ("Mad Max: Fury Road", 2015, "George Miller", 120),
    ("Arrival", 2016, "Denis Villeneuve", 116),
    ("Parasite", 2019, "Bong Joon-ho", 132),
    ("Portrait of a Lady on Fire", 2019, "Céline Sciamma", 122),
    ("Bacurau", 2019, "Kleber Mendonça Filho and Juliano Dornelles", 131),
)


def upgrade() -> None:
    rows = [
        {"id": number, "title": title, "year": year, "director": director, "runtime_minutes": minutes}
        for number, (title, year, director, minutes) in enumerate(FILMS, start=1)
    ]
    op.execute(insert(MOVIES).values(rows).on_conflict_do_nothing(index_elements=["id"]))


def downgrade() -> None:
    op.execute(sa.delete(MOVIES).where(MOVIES.c.id.between(1, len(FILMS))))
