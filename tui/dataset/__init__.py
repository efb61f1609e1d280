"""Datasets: bytes to lines to records to issues.

Everything here is imported on first use, so that a command pays only for what it needs. The first
screen needs :class:`Source`, :meth:`LineIndex.head`, :func:`unchecked_record` and
:func:`check_record`, which load neither numpy nor a tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.dataset.cache import ScanCache as ScanCache
    from tui.dataset.cache import stamp_of as stamp_of
    from tui.dataset.checking import check_file as check_file
    from tui.dataset.checking import scan_file as scan_file
    from tui.dataset.convert.file import convert_file as convert_file
    from tui.dataset.convert.file import convert_source as convert_source
    from tui.dataset.convert.names import CONVERT_KINDS as CONVERT_KINDS
    from tui.dataset.convert.names import CONVERT_TARGETS as CONVERT_TARGETS
    from tui.dataset.convert.names import named_columns as named_columns
    from tui.dataset.convert.report import ConvertReport as ConvertReport
    from tui.dataset.convert.survey import BeforeAfter as BeforeAfter
    from tui.dataset.convert.survey import ConvertSurvey as ConvertSurvey
    from tui.dataset.convert.survey import Sighting as Sighting
    from tui.dataset.convert.survey import sniff_kind as sniff_kind
    from tui.dataset.convert.taking import Conversion as Conversion
    from tui.dataset.facets import Facets as Facets
    from tui.dataset.gather import Gathered as Gathered
    from tui.dataset.grader import add_issues as add_issues
    from tui.dataset.grader import grader_issues as grader_issues
    from tui.dataset.grader import grader_lacks as grader_lacks
    from tui.dataset.grader import load_grader as load_grader
    from tui.dataset.index import LineIndex as LineIndex
    from tui.dataset.joined import open_all as open_all
    from tui.dataset.joined import place_of as place_of
    from tui.dataset.model import Format as Format
    from tui.dataset.model import Issue as Issue
    from tui.dataset.model import Severity as Severity
    from tui.dataset.near import near_issues as near_issues
    from tui.dataset.overlap import OverlapReport as OverlapReport
    from tui.dataset.overlap import overlap_files as overlap_files
    from tui.dataset.overlap import told_apart as told_apart
    from tui.dataset.profile import Profile as Profile
    from tui.dataset.profile import get_profile as get_profile
    from tui.dataset.query.finding import find as find
    from tui.dataset.query.model import Filter as Filter
    from tui.dataset.query.model import Search as Search
    from tui.dataset.query.model import Selection as Selection
    from tui.dataset.query.model import Sort as Sort
    from tui.dataset.query.selecting import select as select
    from tui.dataset.query.writing import write_selection as write_selection
    from tui.dataset.record import Record as Record
    from tui.dataset.record import check_record as check_record
    from tui.dataset.record import record_from as record_from
    from tui.dataset.record import sniff_format as sniff_format
    from tui.dataset.record import unchecked_record as unchecked_record
    from tui.dataset.repair.file import FixReport as FixReport
    from tui.dataset.repair.file import fix_file as fix_file
    from tui.dataset.repair.file import fix_source as fix_source
    from tui.dataset.repair.model import ON_REQUEST as ON_REQUEST
    from tui.dataset.repair.model import SAFE as SAFE
    from tui.dataset.repair.model import Repair as Repair
    from tui.dataset.repair.record import Repaired as Repaired
    from tui.dataset.repair.record import repair_record as repair_record
    from tui.dataset.repair.survey import Found as Found
    from tui.dataset.repair.survey import Preview as Preview
    from tui.dataset.repair.survey import Survey as Survey
    from tui.dataset.repair.survey import one_line as one_line
    from tui.dataset.repair.survey import preview as preview
    from tui.dataset.repair.survey import read_raw as read_raw
    from tui.dataset.repair.survey import whole_record as whole_record
    from tui.dataset.report import CheckReport as CheckReport
    from tui.dataset.report import IssueLog as IssueLog
    from tui.dataset.rules.catalogue import RULES as RULES
    from tui.dataset.rules.catalogue import Rule as Rule
    from tui.dataset.rules.examples import EXAMPLES as EXAMPLES
    from tui.dataset.scan import Scan as Scan
    from tui.dataset.scan import ScanResult as ScanResult
    from tui.dataset.scan import ScanUpdate as ScanUpdate
    from tui.dataset.signature import foreign_kind as foreign_kind
    from tui.dataset.source import Change as Change
    from tui.dataset.source import Source as Source
    from tui.dataset.split import SplitReport as SplitReport
    from tui.dataset.split import split_file as split_file
    from tui.dataset.writing import NewFile as NewFile

_HOMES = {
    "Change": "source",
    "add_issues": "grader",
    "check_file": "checking",
    "check_record": "record",
    "CheckReport": "report",
    "BeforeAfter": "convert.survey",
    "Conversion": "convert.taking",
    "CONVERT_KINDS": "convert.names",
    "CONVERT_TARGETS": "convert.names",
    "convert_file": "convert.file",
    "convert_source": "convert.file",
    "ConvertReport": "convert.report",
    "ConvertSurvey": "convert.survey",
    "Facets": "facets",
    "Filter": "query.model",
    "find": "query.finding",
    "fix_file": "repair.file",
    "fix_source": "repair.file",
    "EXAMPLES": "rules.examples",
    "FixReport": "repair.file",
    "foreign_kind": "signature",
    "Format": "model",
    "Found": "repair.survey",
    "Gathered": "gather",
    "get_profile": "profile",
    "Issue": "model",
    "IssueLog": "report",
    "LineIndex": "index",
    "NewFile": "writing",
    "ON_REQUEST": "repair.model",
    "one_line": "repair.survey",
    "open_all": "joined",
    "place_of": "joined",
    "preview": "repair.survey",
    "Preview": "repair.survey",
    "OverlapReport": "overlap",
    "Profile": "profile",
    "read_raw": "repair.survey",
    "grader_issues": "grader",
    "grader_lacks": "grader",
    "load_grader": "grader",
    "named_columns": "convert.names",
    "near_issues": "near",
    "overlap_files": "overlap",
    "told_apart": "overlap",
    "Record": "record",
    "record_from": "record",
    "Repair": "repair.model",
    "repair_record": "repair.record",
    "Repaired": "repair.record",
    "Rule": "rules.catalogue",
    "RULES": "rules.catalogue",
    "SAFE": "repair.model",
    "Scan": "scan",
    "scan_file": "checking",
    "ScanCache": "cache",
    "ScanResult": "scan",
    "ScanUpdate": "scan",
    "Search": "query.model",
    "select": "query.selecting",
    "Selection": "query.model",
    "Severity": "model",
    "Sighting": "convert.survey",
    "sniff_format": "record",
    "sniff_kind": "convert.survey",
    "Sort": "query.model",
    "Source": "source",
    "split_file": "split",
    "SplitReport": "split",
    "stamp_of": "cache",
    "Survey": "repair.survey",
    "unchecked_record": "record",
    "whole_record": "repair.survey",
    "write_selection": "query.writing",
}

__all__ = list(_HOMES)

__getattr__ = exports(__name__, _HOMES)
