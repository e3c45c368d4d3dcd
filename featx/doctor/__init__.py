"""Whether this machine can be trusted with featx: versions, processor, providers, directories, known rows."""

from __future__ import annotations

from featx.doctor.checks import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
