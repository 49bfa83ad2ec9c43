"""The compiled loops over reads: where a read lies, how well it fits, which codons it shows, which indels it carries.

Reads are short (up to ``LONGEST`` bases). A target is the sequence of all segments one behind the other, as codes 0 to
3 with 4 between them. A read is placed by exact 15-mers that vote for its diagonal (target offset minus read offset),
and fits without gaps, save for an event: an indel that enough reads carry. Every place at which an event could be
written is the same event here, since it is the score that decides.

They are compiled on first use; they take and give plain arrays.
"""

from __future__ import annotations

import numpy as np

from .compiling import compiled

K = 15
LONGEST = 640
"""Bases of a read that are looked at; what is behind them is left out."""
MATCH, MISMATCH, END_BONUS = 1, -3, 12
"""A read is clipped where that scores better; the bonus keeps a changed codon at its very end."""
FURTHEST = 300
"""Bases between the two diagonals of a read that carries an indel."""
LONGEST_INSERTION = 30
ANCHOR = 8
"""Bases on each side of a breakpoint that a read must show to count for or against an event."""
OTHER, DELETED, INTERRUPTED, SHIFTED, COLUMNS = 64, 65, 66, 67, 68
"""Columns of the codon table after the 64 codons: unreadable; lost; partly lost or inserted into; touched by an indel
that shifts the frame."""
TAIL = 8
"""Bases at the far end of a read that show no codon: what is left of an adapter there looks like a change."""
INNER = 15
"""Bases at both ends of a fit that do not tell the sample's own bases: an indel or an adapter may lie behind them."""
FORWARD, REVERSE, BOTH = 0, 1, 2
"""Which reads of a fragment show a codon."""
CLIPPED = 20
"""Bases that a read must have behind the place at which it stops to fit, and that one that fits there must show on
both sides of it."""
LEFT, RIGHT = 0, 1
"""The side of a fit on which a read is clipped."""
_SLOTS = LONGEST // 3 + 2


@compiled
def index_kmers(target, keys, places):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Fill an open hash table: 15-mers of the target and where they are; -2 for those that are there twice."""
    mask = keys.size - 1
    code, clean = 0, 0
    for at in range(target.size):
        if target[at] > 3:
            clean = 0
            continue
        code = ((code << 2) | target[at]) & ((1 << (2 * K)) - 1)
        clean += 1
        if clean < K:
            continue
        slot = (code * 0x9E3779B1 >> 7) & mask
        while keys[slot] != -1 and keys[slot] != code:
            slot = (slot + 1) & mask
        places[slot] = at - K + 1 if keys[slot] == -1 else -2
        keys[slot] = code


@compiled
def _find(code, keys, places):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    mask = keys.size - 1
    slot = (code * 0x9E3779B1 >> 7) & mask
    while keys[slot] != -1:
        if keys[slot] == code:
            return places[slot]
        slot = (slot + 1) & mask
    return -1


@compiled
def _vote(read, n, step, keys, places, strands, diagonals, votes, firsts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Votes of every ``step``-th 15-mer for a strand and a diagonal; returns how many candidates there are, up to 8."""
    found = 0
    at = 0
    while at + K <= n:
        ahead, back = 0, 0
        clean = True
        for j in range(K):
            base = read[at + j]
            if base > 3:
                clean = False
                break
            ahead = (ahead << 2) | base
            back |= (3 - base) << (2 * j)
        if clean:
            for strand in range(2):
                place = _find(ahead if strand == 0 else back, keys, places)
                if place < 0:
                    continue
                begins = at if strand == 0 else n - K - at
                diagonal = place - begins
                seen = False
                for c in range(found):
                    if strands[c] == strand and diagonals[c] == diagonal:
                        votes[c] += 1
                        if begins < firsts[c]:
                            firsts[c] = begins
                        seen = True
                        break
                if not seen and found < 8:
                    strands[found], diagonals[found], votes[found], firsts[found] = strand, diagonal, 1, begins
                    found += 1
        at += step
    return found


@compiled
def _fit(read, n, target, diagonal, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The best stretch of a read on one diagonal; ``out`` gets its first base and the one behind its last."""
    best, best_from, best_to = 0, 0, 0
    score, begins = END_BONUS, 0
    size = target.size
    for i in range(n):
        if score < 0:
            score, begins = 0, i
        p = i + diagonal
        if 0 <= p < size and read[i] < 4 and target[p] == read[i]:
            score += MATCH
        elif read[i] < 4 or not 0 <= p < size:
            score += MISMATCH
        if score > best:
            best, best_from, best_to = score, begins, i + 1
    if score + END_BONUS > best and n > 0:
        best, best_from, best_to = score + END_BONUS, begins, n
    out[0], out[1] = best_from, best_to
    return best


@compiled
def _fit_event(read, n, target, left, site, lost, gained, bases, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """As ``_fit``, over an event: ``lost`` bases of the target from ``site`` on, and ``gained`` ones in their place."""
    best, best_from, best_to = 0, 0, 0
    score, begins = END_BONUS, 0
    size = target.size
    turn = site - left
    for i in range(n):
        if score < 0:
            score, begins = 0, i
        if i < turn or i >= turn + gained:
            p = i + left if i < turn else i + left + lost - gained
            wanted = target[p] if 0 <= p < size else 4
        else:
            wanted = (bases >> (2 * (gained - 1 - (i - turn)))) & 3
        if read[i] < 4:
            score += MATCH if wanted == read[i] else MISMATCH
        if score > best:
            best, best_from, best_to = score, begins, i + 1
    if score + END_BONUS > best and n > 0:
        best, best_from, best_to = score + END_BONUS, begins, n
    out[0], out[1] = best_from, best_to
    return best


@compiled
def _load(data, start, n, code_of, read):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    for i in range(n):
        read[i] = code_of[data[start + i]]


@compiled
def _turn(read, quality, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Reverse complement in place."""
    for i in range((n + 1) // 2):
        j = n - 1 - i
        a, b = read[i], read[j]
        read[i] = 3 - b if b < 4 else 4
        read[j] = 3 - a if a < 4 else 4
        quality[i], quality[j] = quality[j], quality[i]


@compiled
def _place(data, seq, length, qual, r, code_of, keys, places, read, quality, work):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Load read ``r``, find its strand and its best two diagonals, turn it into the sense of the target.

    Returns bases, strand, diagonal, second diagonal; strand -1 where it lies nowhere, -1 << 40 without a second one.
    """
    n = min(length[r], LONGEST)
    none = -1 << 40
    if n < K + 5:
        return n, -1, 0, none
    _load(data, seq[r], n, code_of, read)
    strands, diagonals, votes, firsts = work[0], work[1], work[2], work[3]
    step = max(1, (n - K) // 9)
    found = _vote(read, n, step, keys, places, strands, diagonals, votes, firsts)
    if found == 0:
        return n, -1, 0, none
    top = 0
    for c in range(1, found):
        if votes[c] > votes[top]:
            top = c
    if votes[top] < 2:
        found = _vote(read, n, 2, keys, places, strands, diagonals, votes, firsts)
        top = 0
        for c in range(1, found):
            if votes[c] > votes[top]:
                top = c
        if votes[top] < 2:
            return n, -1, 0, none
    strand, diagonal = strands[top], diagonals[top]
    second, most = none, 0
    for c in range(found):
        near = abs(diagonals[c] - diagonal) <= FURTHEST
        if c != top and strands[c] == strand and near and votes[c] > most:
            second, most = diagonals[c], votes[c]
    for i in range(n):
        quality[i] = data[qual[r] + i] - 33
    if strand == 1:
        _turn(read, quality, n)
    return n, strand, diagonal, second


@compiled
def _best_turn(read, n, target, diagonal, second, least):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Where a read turns from one of its diagonals to the other, if it so scores above ``least``.

    The side that is at home on each diagonal is not known: both orders are tried. Returns the first base behind the
    turn, -1 where there is none, and the diagonals before and behind it.
    """
    size = target.size
    top, top_left, top_right, top_turn = least, 0, 0, -1
    for order in range(2):
        left, right = (diagonal, second) if order == 0 else (second, diagonal)
        gained = max(0, left - right)
        if gained > LONGEST_INSERTION:
            continue
        score = 0
        for i in range(gained, n):  # all of it behind the event
            p = i + right
            score += MATCH if 0 <= p < size and target[p] == read[i] else MISMATCH
        if score > top:
            top, top_left, top_right, top_turn = score, left, right, 0
        for turn in range(1, n - gained + 1):
            p, q = turn - 1 + left, turn - 1 + gained + right
            score += MATCH if 0 <= p < size and target[p] == read[turn - 1] else MISMATCH
            i = turn - 1 + gained
            score -= MATCH if 0 <= q < size and target[q] == read[i] else MISMATCH
            if score > top:
                top, top_left, top_right, top_turn = score, left, right, turn
    return top_turn, top_left, top_right


@compiled
def _note_event(read, turn, left, right, row):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Fill a row of events with the indel at a turn; returns 0, and leaves it, where bases gained are unreadable."""
    gained = max(0, left - right)
    code = 0
    for i in range(turn, turn + gained):
        if read[i] > 3:
            return 0
        code = (code << 2) | read[i]
    row[0], row[1], row[2], row[3] = turn + left, max(0, right - left), gained, code
    return 1


@compiled
def survey(data, seq, length, qual, code_of, target, keys, places, bases, events, n_events):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """A first look: count the bases at each offset of the target, and note the indels that reads carry.

    ``bases``: [offset, 4]. ``events``: rows of site, bases lost, bases gained, their code; returns how many are filled.
    An event is written at the leftmost of its places.
    """
    read, quality = np.empty(LONGEST, np.int64), np.empty(LONGEST, np.int64)
    work = np.empty((4, 8), np.int64)
    out = np.empty(2, np.int64)
    size = target.size
    for r in range(length.size):
        n, strand, diagonal, second = _place(data, seq, length, qual, r, code_of, keys, places, read, quality, work)
        if strand < 0:
            continue
        best = _fit(read, n, target, diagonal, out)
        begins, ends = out[0], out[1]
        if second != -1 << 40 and n_events < events.shape[0]:
            plain = best - END_BONUS * ((begins == 0) + (ends == n))
            turn, left, right = _best_turn(read, n, target, diagonal, second, plain + 9)
            if turn >= ANCHOR and turn + max(0, left - right) <= n - ANCHOR:
                n_events += _note_event(read, turn, left, right, events[n_events])
                continue
        if best < n // 3:
            continue
        for i in range(begins + INNER, ends - INNER):
            p = i + diagonal
            if 0 <= p < size and read[i] < 4 and quality[i] >= 20:
                bases[p, read[i]] += 1
    return n_events


SITE, LOST, GAINED, BASES, SPAN = 0, 1, 2, 3, 4
"""Columns of the events: offset, bases lost, bases gained, their code, and how many bases behind the breakpoint read
the same with and without the event."""
CARRIED, NOT, ANOTHER = 0, 1, 2
"""What a fragment says of an event."""
_SILENT = -1
_FROM, _TO, _LEFT, _EVENT, _STRAND, _LOW, _HIGH = 0, 1, 2, 3, 4, 5, 6  # what is noted of a placed mate


@compiled
def _show(read, quality, mate, events, low, high, first_slot, codons, worst):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write the codons that a placed mate shows to ``codons`` and their worst base quality to ``worst``.

    Bases outside ``low`` to ``high`` (target offsets, primers) do not count. Returns the first codon and the one behind
    the last; a codon between them that is not shown is -1.
    """
    start, stop = -1, -1
    own, left, ends = mate[_EVENT], mate[_LEFT], mate[_TO]
    turn, gained, shift = LONGEST, 0, 0
    if own >= 0:
        gained, shift = events[own, GAINED], events[own, LOST] - events[own, GAINED]
        turn = events[own, SITE] - left
    i = mate[_FROM]
    while i + 3 <= ends:
        p = i + left if i < turn else i + left + shift
        whole = i + 3 <= turn or i >= turn + gained
        if not (whole and low <= p and p + 3 <= high and 0 <= p < first_slot.size and first_slot[p] >= 0):
            i += 1
            continue
        slot = first_slot[p]
        if start < 0:
            start, stop = slot, slot
        if slot - start >= _SLOTS:
            break
        while stop < slot:
            codons[stop - start] = -1
            stop += 1
        a, b, c = read[i], read[i + 1], read[i + 2]
        codons[slot - start] = (a << 4) | (b << 2) | c if a < 4 and b < 4 and c < 4 else OTHER
        worst[slot - start] = min(quality[i], quality[i + 1], quality[i + 2])
        stop = slot + 1
        i += 3
    return start, stop


@compiled
def _fit_best(read, n, target, diagonal, events, out, mate):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The best fit of a read, plain or over an event near it, noted in ``mate``; returns its score.

    An indel shifts the read, so both its diagonals are tried with each event.
    """
    score = _fit(read, n, target, diagonal, out)
    whole = score == n * MATCH + 2 * END_BONUS  # nothing can fit better
    mate[_FROM], mate[_TO], mate[_LEFT], mate[_EVENT] = out[0], out[1], diagonal, -1
    e = int(np.searchsorted(events[:, SITE], diagonal - FURTHEST))
    mate[_LOW] = e
    while e < events.shape[0] and events[e, SITE] <= diagonal + n + FURTHEST:
        site, lost, gained = events[e, SITE], events[e, LOST], events[e, GAINED]
        for left in (diagonal, diagonal - lost + gained):
            if not whole and left < site < left + n:
                fits = _fit_event(read, n, target, left, site, lost, gained, events[e, BASES], out)
                if fits > score:
                    score = fits
                    mate[_FROM], mate[_TO], mate[_LEFT], mate[_EVENT] = out[0], out[1], left, e
        e += 1
    mate[_HIGH] = e
    return score


@compiled
def _span(mate, events):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """From which to which offset of the target a placed mate reaches."""
    begins, ends = mate[_LEFT] + mate[_FROM], mate[_LEFT] + mate[_TO]
    own = mate[_EVENT]
    if own >= 0 and events[own, SITE] < ends:
        ends += events[own, LOST] - events[own, GAINED]
    return begins, ends


@compiled
def _judge(mate, events, said):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """What a mate says of each event near it; it must show ``ANCHOR`` bases on both sides of the breakpoint.

    The same bases are asked for with and without the event, so that neither is favoured.
    """
    own = mate[_EVENT]
    begins, ends = _span(mate, events)
    for e in range(mate[_LOW], mate[_HIGH]):
        behind = mate[_LEFT] + mate[_TO] if e == own else ends
        shows = begins <= events[e, SITE] - ANCHOR and behind >= events[e, SITE] + events[e, SPAN] + ANCHOR
        said[e] = _SILENT
        if shows:
            said[e] = NOT if own < 0 else (CARRIED if e == own else ANOTHER)


@compiled
def _sure(mate, events, said, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The part of ``low`` to ``high`` in which a placed mate can be believed.

    Where it ends just beyond a breakpoint it may carry the event or not, and what it shows there may be either; the
    last bases of a read may be an adapter's.
    """
    begins, ends = _span(mate, events)
    own = mate[_EVENT]
    for e in range(mate[_LOW], mate[_HIGH]):
        if said[e] != _SILENT:
            continue
        site, lost, span = events[e, SITE], events[e, LOST], events[e, SPAN]
        behind = mate[_LEFT] + mate[_TO] if e == own else ends
        if begins < site < behind and behind - site < ANCHOR + span:
            high = min(high, site)
        before = begins + lost if e == own else begins
        if before < site + lost < ends and site + lost - before < ANCHOR + span:
            low = max(low, site + lost)
    if mate[_STRAND] == FORWARD:
        return low, min(high, ends - TAIL)
    return max(low, begins + TAIL), high


@compiled
def _within_fragment(mates, events, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The part between the near ends of two mates that face each other: what a read shows beyond is its adapter."""
    if mates[0, _STRAND] < 0 or mates[1, _STRAND] < 0 or mates[0, _STRAND] == mates[1, _STRAND]:
        return low, high
    ahead, back = (0, 1) if mates[0, _STRAND] == FORWARD else (1, 0)
    first, last = _span(mates[ahead], events)[0], _span(mates[back], events)[1]
    if first >= last:
        return low, high
    return max(low, first), min(high, last)


@compiled
def _between_primers(mates, count, events, primers, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """The part of a fragment that is the virus's: where its end lies in a primer, behind that primer."""
    low, high = 0, size
    for m in range(count):
        if mates[m, _STRAND] < 0:
            continue
        begins, ends = _span(mates[m], events)
        for p in range(primers.shape[0]):
            first, behind, left = primers[p, 0], primers[p, 1], primers[p, 2]
            if left == 1 and mates[m, _STRAND] == FORWARD and first - 3 <= begins < behind:
                low = max(low, behind)
            if left == 0 and mates[m, _STRAND] == REVERSE and first < ends <= behind + 3:
                high = min(high, first)
    return low, high


@compiled
def _count_codons(mates, count, starts, stops, codons, worst, min_quality, counts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Each codon of a fragment once; of two mates that differ the clearer one counts. Returns how many differ."""
    differing = 0
    for m in range(count):
        if starts[m] < 0:
            continue
        other = 1 - m
        for slot in range(starts[m], stops[m]):
            codon, clear = codons[m, slot - starts[m]], worst[m, slot - starts[m]]
            if codon < 0:
                continue
            way = mates[m, _STRAND]
            if count == 2 and starts[other] <= slot < stops[other] and codons[other, slot - starts[other]] >= 0:
                rival_clear = worst[other, slot - starts[other]]
                if codons[other, slot - starts[other]] != codon:
                    differing += m
                    if rival_clear >= clear:
                        continue
                elif m == 1:
                    continue  # counted with the first mate
                else:
                    way, clear = BOTH, max(clear, rival_clear)
            if clear >= min_quality:
                counts[slot, way, codon] += 1
    return differing


@compiled
def _count_events(mates, count, events, said, first_slot, support, counts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """What a fragment says of each event, once; mates that contradict each other say nothing.

    The codons that a carried event takes bases from, or interrupts, are counted as such.
    """
    low, high = 1 << 60, -1
    for m in range(count):
        if mates[m, _STRAND] >= 0:
            low, high = min(low, mates[m, _LOW]), max(high, mates[m, _HIGH])
    for e in range(low, high):
        one, two = said[0, e], said[1, e]
        said[0, e], said[1, e] = _SILENT, _SILENT
        word = one if two == _SILENT or one == two else (two if one == _SILENT else _SILENT)
        if word == _SILENT:
            continue
        way = BOTH if one == two else (mates[0, _STRAND] if one == word else mates[1, _STRAND])
        support[e, way, word] += 1
        if word == CARRIED:
            site, lost = events[e, SITE], events[e, LOST]
            # An insertion between two codons interrupts none; one at the first base of a codon lies between.
            site, lost = events[e, SITE], events[e, LOST]
            for p in range(max(0, site - 2), site + lost):
                if first_slot[p] >= 0:
                    column = DELETED if site <= p and p + 3 <= site + lost else INTERRUPTED
                    if (lost - events[e, GAINED]) % 3:
                        column = SHIFTED
                    counts[first_slot[p], way, column] += 1


@compiled
def _note_clips(read, n, mate, events, clips, tails, spans):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Note where a placed mate is clipped, what stands there instead, and which places it reads through."""
    begins, ends = _span(mate, events)
    strand, size = mate[_STRAND], clips.shape[2]
    if ends - begins >= 2 * CLIPPED:
        spans[strand, max(0, begins + CLIPPED)] += 1
        spans[strand, min(size, ends - CLIPPED + 1)] -= 1
    for side in range(2):
        place = begins if side == LEFT else ends
        first = mate[_FROM] - CLIPPED if side == LEFT else mate[_TO]
        if first < 0 or first + CLIPPED > n or not 0 <= place < size:
            continue
        clips[side, strand, place] += 1
        for i in range(CLIPPED):
            if read[first + i] < 4:
                tails[side, place, i, read[first + i]] += 1


@compiled
def count(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    data_a, seq_a, length_a, qual_a, data_b, seq_b, length_b, qual_b, paired,
    code_of, target, keys, places, first_slot, events, primers, min_quality, counts, support, clips,
    tails, spans, tally,
):  # fmt: skip
    """Count the codons of each fragment once, and which fragments carry which event.

    ``first_slot``: for each offset the number of the codon that begins there, or -1. ``events``: rows, sorted by site.
    ``counts``: [codon, forward/reverse/both, column]; ``support``: [event, forward/reverse/both, carried/not/another];
    ``clips``: [side, strand, offset] reads clipped there by ``CLIPPED`` bases or more; ``tails``: [side, offset, place,
    base] what these are, in the sense of the target; ``spans``: [strand, offset] changes of the number of reads that
    fit around a place. ``tally``: reads looked at, placed, fragments, codons on which mates differ. ``primers``: rows
    of offset from, to, and whether it is a left one.
    """
    reads, qualities = np.empty((2, LONGEST), np.int64), np.empty((2, LONGEST), np.int64)
    codons, worst = np.empty((2, _SLOTS), np.int64), np.empty((2, _SLOTS), np.int64)
    work, out = np.empty((4, 8), np.int64), np.empty(2, np.int64)
    mates, starts, stops = np.zeros((2, 7), np.int64), np.empty(2, np.int64), np.empty(2, np.int64)
    said = np.full((2, max(1, events.shape[0])), _SILENT, np.int64)
    each = 2 if paired else 1
    for r in range(length_a.size):
        placed = 0
        for m in range(each):
            starts[m], stops[m] = -1, -1
            if m == 0:
                n, strand, diagonal, _ = _place(
                    data_a, seq_a, length_a, qual_a, r, code_of, keys, places, reads[m], qualities[m], work
                )
            else:
                n, strand, diagonal, _ = _place(
                    data_b, seq_b, length_b, qual_b, r, code_of, keys, places, reads[m], qualities[m], work
                )
            mates[m, _STRAND] = -1
            if strand >= 0 and _fit_best(reads[m], n, target, diagonal, events, out, mates[m]) >= n // 3:
                mates[m, _STRAND] = strand
                placed += 1
                _judge(mates[m], events, said[m])
                _note_clips(reads[m], n, mates[m], events, clips, tails, spans)
        tally[0] += each
        tally[1] += placed
        if placed == 0:
            continue
        tally[2] += 1
        low, high = _between_primers(mates, each, events, primers, target.size)
        if each == 2:
            low, high = _within_fragment(mates, events, low, high)
        for m in range(each):
            if mates[m, _STRAND] >= 0:
                first, last = _sure(mates[m], events, said[m], low, high)
                starts[m], stops[m] = _show(
                    reads[m], qualities[m], mates[m], events, first, last, first_slot, codons[m], worst[m]
                )
        tally[3] += _count_codons(mates, each, starts, stops, codons, worst, min_quality, counts)
        _count_events(mates, each, events, said, first_slot, support, counts)
