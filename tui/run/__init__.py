"""One run, and the runs of a provider, as the screens know them: no Textual in here."""
