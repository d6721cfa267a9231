"""The genres of synthetic music videos: `looks` has the picture of each, `styles` its music."""

GENRES = ("ambient", "chiptune", "techno", "folk", "jazz")
