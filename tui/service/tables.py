"""The tables of the service's database, and how an older one is brought up to date."""

from __future__ import annotations

import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, filename TEXT NOT NULL,
    purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL, expires_at INTEGER);
CREATE TABLE IF NOT EXISTS uploads (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, filename TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, status TEXT NOT NULL,
    purpose TEXT NOT NULL DEFAULT 'fine-tune', lifetime INTEGER);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    finished_at INTEGER, estimated_finish INTEGER, status TEXT NOT NULL, model TEXT NOT NULL,
    fine_tuned_model TEXT, training_file TEXT NOT NULL, validation_file TEXT,
    result_files TEXT NOT NULL DEFAULT '[]', trained_tokens INTEGER, error TEXT,
    hyperparameters TEXT NOT NULL, method TEXT NOT NULL, suffix TEXT, seed INTEGER NOT NULL,
    metadata TEXT, integrations TEXT NOT NULL DEFAULT '[]',
    n_examples INTEGER, tokens_per_epoch INTEGER, last_step INTEGER NOT NULL DEFAULT 0,
    total_steps INTEGER, restarts INTEGER NOT NULL DEFAULT 0, engine_pid INTEGER,
    turn INTEGER NOT NULL DEFAULT 0, wanted TEXT, snapshot TEXT);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job_id TEXT NOT NULL,
    created_at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_job ON events (job_id, seq);
CREATE TABLE IF NOT EXISTS checkpoints (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job_id TEXT NOT NULL,
    created_at INTEGER NOT NULL, step INTEGER NOT NULL, path TEXT NOT NULL, metrics TEXT NOT NULL,
    UNIQUE (job_id, step));
CREATE TABLE IF NOT EXISTS models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job_id TEXT NOT NULL,
    base TEXT NOT NULL, path TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS completions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, created_at INTEGER NOT NULL,
    model TEXT NOT NULL, metadata TEXT, messages TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, turn, seq);
"""
# Columns that a database of an earlier version lacks.
_ADDED = {
    "files": {"expires_at": "INTEGER"},
    "uploads": {"purpose": "TEXT NOT NULL DEFAULT 'fine-tune'", "lifetime": "INTEGER"},
    "jobs": {"turn": "INTEGER NOT NULL DEFAULT 0", "wanted": "TEXT", "snapshot": "TEXT"},
}


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables that are missing, and the columns that they lack.

    Args:
        db: A connection that commits by itself.

    Raises:
        sqlite3.Error: The file is no database, or cannot be written.
    """
    for table, columns in _ADDED.items():
        there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for name, kind in columns.items():
            if there and name not in there:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    db.executescript(SCHEMA)
