"""The dataset that is open: its workers, its views, its edits; the screens show what is here."""
