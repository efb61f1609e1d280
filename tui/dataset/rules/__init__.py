"""The rules: a catalogue as data, and a small function for each."""
