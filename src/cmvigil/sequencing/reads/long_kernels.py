"""The compiled loops over long reads (nanopore): chained to the target by exact 15-mers, with gaps between them.

A long read holds many gaps that are errors, so none is reckoned with beforehand: each read is aligned on its own. Its
bases at each offset of the target are then taken codon by codon. A read may reach over several genes, in either sense
of each: it is aligned with each segment by itself, and where it jumps too far within one, before and behind the jump.
"""

from __future__ import annotations

import numpy as np

from .compiling import compiled
from .kernels import DELETED, LONGEST_INSERTION, OTHER, K, _find

NEAR = 6
"""Bases between two gaps up to which one of them hides what the other is."""
WIDEST = 400
"""Bases between two anchors that are aligned; a wider gap is left unread, and what lies behind a wider jump is a chain
of its own."""
MANY = 5
"""Mismatches between two anchors of one diagonal from which a gap on each side is looked for."""
FEWEST_ANCHORS = 20
BLUR = 30
"""Bases by which the place of a jump may differ from read to read."""
_MATCH, _MISMATCH, _OPEN, _EXTEND = 2, -3, -7, -1
_FAR = -(1 << 30)
GONE, UNREAD = 5, 9
"""A base that the read lacks, and one that was not aligned; 4 is a base that the machine could not read."""


@compiled
def _hits(read, n, keys, places, begins, own, theirs, times):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The 15-mers of a read in one sense that the target holds: places in the read and in the target.

    ``times`` gets how many lie in each segment; ``begins``: where the segments begin, and where the last ends. Returns
    how many there are in all.
    """
    count, code, clean, segment = 0, 0, 0, 0
    times[:] = 0
    for i in range(n):
        if read[i] > 3:
            clean = 0
            continue
        code = ((code << 2) | read[i]) & ((1 << (2 * K)) - 1)
        clean += 1
        if clean < K:
            continue
        place = _find(code, keys, places)
        if place < 0:
            continue
        own[count], theirs[count] = i - K + 1, place
        count += 1
        if not begins[segment] <= place < begins[segment + 1]:
            segment = np.searchsorted(begins, place, side="right") - 1
        times[segment] += 1
    return count


@compiled
def _chain(own, theirs, start, hits, low, high, chain):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The hits from ``start`` on, within ``low`` to ``high`` of the target, that follow each other near one diagonal.

    ``chain`` gets their numbers. Returns how many there are.
    """
    count = 0
    for hit in range(start, hits):
        if not low <= theirs[hit] < high:
            continue
        if count:
            last = chain[count - 1]
            drift = (theirs[hit] - own[hit]) - (theirs[last] - own[last])
            if theirs[hit] <= theirs[last] or abs(drift) > WIDEST:
                if count < 3:  # what began here by chance is forgotten
                    chain[0], count = hit, 1
                continue
        chain[count] = hit
        count += 1
    return count


@compiled
def _score(read, i, rows, target, p, columns, score, step):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Fill ``score`` and ``step``, [state, row, column], of ``rows`` bases of a read against ``columns`` of the target.

    States: both, gap in the read, gap in the target; a step is the state before.
    """
    score[:, : rows + 1, : columns + 1] = _FAR
    score[0, 0, 0] = 0
    for a in range(rows + 1):
        for b in range(columns + 1):
            if a and b:
                best, by = score[0, a - 1, b - 1], 0
                for state in range(1, 3):
                    if score[state, a - 1, b - 1] > best:
                        best, by = score[state, a - 1, b - 1], state
                if read[i + a - 1] > 3:
                    score[0, a, b] = best  # unreadable: fits any base
                else:
                    score[0, a, b] = best + (_MATCH if read[i + a - 1] == target[p + b - 1] else _MISMATCH)
                step[0, a, b] = by
            if b:
                open_, extend = score[0, a, b - 1] + _OPEN, score[1, a, b - 1] + _EXTEND
                score[1, a, b] = max(open_, extend)
                step[1, a, b] = 1 if extend >= open_ else 0
            if a:
                open_, extend = score[0, a - 1, b] + _OPEN, score[2, a - 1, b] + _EXTEND
                score[2, a, b] = max(open_, extend)
                step[2, a, b] = 2 if extend >= open_ else 0


@compiled
def _align(read, i, rows, target, p, columns, score, step, bases, inserted, at_read):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Align ``rows`` bases of a read with ``columns`` of the target, both ends fixed; gaps as far left as can be."""
    _score(read, i, rows, target, p, columns, score, step)
    state = 0
    for other in range(1, 3):
        if score[other, rows, columns] > score[state, rows, columns]:
            state = other
    a, b = rows, columns
    while a or b:
        before = step[state, a, b]
        if state == 0:
            bases[p + b - 1], at_read[p + b - 1] = read[i + a - 1], i + a - 1
            a, b = a - 1, b - 1
        elif state == 1:
            bases[p + b - 1] = GONE
            b -= 1
        else:
            inserted[p + b] += 1
            a -= 1
        state = before


@compiled
def _align_chain(read, own, theirs, chain, anchors, target, score, step, bases, inserted, at_read, breaks):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Align a read along its chain: ``bases``, ``inserted`` before and ``at_read`` for each offset that it reaches."""
    first, last = theirs[chain[0]], theirs[chain[anchors - 1]] + K
    bases[first : last + 1] = UNREAD
    inserted[first : last + 1] = 0
    at_read[first : last + 1] = -1
    i, p = own[chain[0]], first
    for anchor in range(anchors):
        start, place = own[chain[anchor]], theirs[chain[anchor]]
        if start + K <= i or place + K <= p:
            continue
        rows, columns = start + K - i, place + K - p
        if rows > WIDEST + K or columns > WIDEST + K:
            if abs(rows - columns) > LONGEST_INSERTION:
                breaks[p] += 1
        else:
            wrong = MANY + 1
            if rows == columns:
                wrong = 0
                for j in range(rows):
                    wrong += read[i + j] < 4 and read[i + j] != target[p + j]
            if wrong <= MANY:
                for j in range(rows):
                    bases[p + j], at_read[p + j] = read[i + j], i + j
            else:
                _align(read, i, rows, target, p, columns, score, step, bases, inserted, at_read)
        i, p = start + K, place + K
    for p in range(first, last):
        breaks[p] += inserted[p] > LONGEST_INSERTION
    return first, last


@compiled
def _between_primers(first, last, primers):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The part of ``first`` to ``last`` that is the virus's: where an end lies in a primer, behind that primer."""
    low, high = first, last
    for row in range(primers.shape[0]):
        if primers[row, 2] == 1 and primers[row, 0] - 3 <= first < primers[row, 1]:
            low = max(low, primers[row, 1])
        if primers[row, 2] == 0 and primers[row, 0] < last <= primers[row, 1] + 3:
            high = min(high, primers[row, 0])
    return low, high


@compiled
def _count_codons(bases, inserted, at_read, quality, min_quality, low, high, first_base, strand, counts, cover):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count what an aligned read shows within ``low`` to ``high``."""
    for p in range(low, high):
        if bases[p] != UNREAD:
            cover[p, strand] += 1
    for number in range(np.searchsorted(first_base, low), first_base.size):
        p = first_base[number]
        if p + 3 > high:
            break
        a, b, c = bases[p], bases[p + 1], bases[p + 2]
        if a == UNREAD or b == UNREAD or c == UNREAD:
            continue
        if a == GONE and b == GONE and c == GONE:
            counts[number, strand, DELETED] += 1
        elif a > 3 or b > 3 or c > 3 or inserted[p + 1] or inserted[p + 2]:
            counts[number, strand, OTHER] += 1
        elif min(quality[at_read[p]], quality[at_read[p + 1]], quality[at_read[p + 2]]) >= min_quality:
            counts[number, strand, (a << 4) | (b << 2) | c] += 1


@compiled
def count_long(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    data, seq, length, qual, begin, code_of, target, begins, keys, places, first_base, primers, min_quality,
    counts, cover, breaks, events, tally,
):  # fmt: skip
    """Count codons and note gaps, read by read from ``begin`` on, until ``events`` may not hold those of another read.

    ``begins``: where the segments begin, and where the last ends. ``counts``: [codon, forward/reverse/both, column];
    ``cover``: [offset, strand] reads that reach it; ``breaks``: for each offset reads that jump there, over more than
    is aligned. ``events``: rows of site, bases lost, bases gained, their code, strand, and 1 where the read has another
    gap nearby, at least one row for each offset of the target. ``tally`` as for short reads. Returns the read to go on
    with and the rows filled.
    """
    n_events, longest = 0, 0
    for r in range(length.size):
        longest = max(longest, length[r])
    size, segments = target.size, begins.size - 1
    turned, quality = np.empty((2, longest), np.uint8), np.empty((2, longest), np.uint8)
    own, theirs = np.empty((2, longest), np.int32), np.empty((2, longest), np.int32)
    hits, times, chain = np.empty(2, np.int64), np.empty((2, segments), np.int64), np.empty(size, np.int64)
    bases, inserted, at_read = np.empty(size + 1, np.int64), np.empty(size + 1, np.int64), np.empty(size + 1, np.int64)
    score = np.empty((3, WIDEST + K + 1, WIDEST + K + 1), np.int32)
    step = np.empty((3, WIDEST + K + 1, WIDEST + K + 1), np.int8)
    for r in range(begin, length.size):
        if n_events + size > events.shape[0]:
            return r, n_events
        n = length[r]
        tally[0] += 1
        for i in range(n):
            code = code_of[data[seq[r] + i]]
            turned[0, i], turned[1, n - 1 - i] = code, 3 - code if code < 4 else 4
            quality[0, i] = quality[1, n - 1 - i] = data[qual[r] + i] - 33
        for strand in range(2):
            hits[strand] = _hits(turned[strand], n, keys, places, begins, own[strand], theirs[strand], times[strand])
        placed = False
        for segment in range(segments):
            strand = 0 if times[0, segment] >= times[1, segment] else 1
            if times[strand, segment] < FEWEST_ANCHORS:
                continue
            start, low, ends = 0, begins[segment], -1
            while True:
                anchors = _chain(own[strand], theirs[strand], start, hits[strand], low, begins[segment + 1], chain)
                if anchors < FEWEST_ANCHORS:
                    break
                placed = True
                first, last = _align_chain(
                    turned[strand], own[strand], theirs[strand], chain, anchors, target, score, step,
                    bases, inserted, at_read, breaks,
                )  # fmt: skip
                if ends >= 0:
                    breaks[ends] += 1
                    breaks[first] += first - ends > 2 * BLUR
                start, low, ends = chain[anchors - 1] + 1, last, last
                first, last = _between_primers(first, last, primers)
                _count_codons(
                    bases, inserted, at_read, quality[strand], min_quality, first, last, first_base, strand, counts,
                    cover,
                )  # fmt: skip
                n_events = _note_events(
                    turned[strand], target, bases, inserted, at_read, first, last, strand, events, n_events
                )
        tally[1] += placed
        tally[2] += placed
    return length.size, n_events


@compiled
def _note_events(read, target, bases, inserted, at_read, low, high, strand, events, n_events):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The gaps of one aligned read, each at the leftmost of its places."""
    p, begin = low + 1, n_events
    while p < high:
        lost = 0
        while p + lost < high and bases[p + lost] == GONE:
            lost += 1
        gained = inserted[p]
        if lost == 0 and gained == 0:
            p += 1
            continue
        site, code = p, 0
        if gained and (gained > LONGEST_INSERTION or lost or at_read[p] < 0):
            p += max(lost, 1)
            continue
        if gained:
            readable = True
            for j in range(gained):
                base = read[at_read[p] - gained + j]
                readable = readable and base < 4
                code = (code << 2) | (base & 3)
            if not readable:
                p += 1
                continue
            while site > low and target[site - 1] == (code & 3):
                code = (code >> 2) | ((code & 3) << (2 * (gained - 1)))
                site -= 1
        else:
            while site > low and target[site - 1] == target[site + lost - 1]:
                site -= 1
        events[n_events, 0] = site
        events[n_events, 1] = lost
        events[n_events, 2] = gained
        events[n_events, 3] = code
        events[n_events, 4] = strand
        events[n_events, 5] = 0
        if n_events > begin and site - events[n_events - 1, 0] - events[n_events - 1, 1] <= NEAR:
            events[n_events - 1, 5] = events[n_events, 5] = 1
        n_events += 1
        p += max(lost, 1)
    return n_events
