"""Reads (FASTQ, BAM, CRAM) to changes: each fragment's codons are counted, none is put together from single bases."""

from .reading import read_reads

__all__ = ["read_reads"]
