"""`dlheir store verify` names each fault, and its exit code says that there is one."""

import sqlite3
from contextlib import closing

import pytest
from desk import damage

from dlheir.store import Record
