"""What is proposed: a RequestGroup of actions, each with its Task. All are drafts and proposals.

R4 wants of an action either parts or a resource (rqg-1), so each single action has a Task. A MedicationRequest would be
read as a step towards a prescription; a Task says what to consider and prescribes nothing.
"""

from __future__ import annotations

from cmvigil.advice import Item, Option, Regimen
from cmvigil.report import appraisal, fhir_care, words
from cmvigil.report.fhir_frame import NOT_DETERMINED, Frame, Resource, citations, concept, notes, reference, text, texts
from cmvigil.report.reading import cited

_CHOICE = ("preferred", "acceptable")


def proposal(frame: Frame) -> list[Resource]:
    """The RequestGroup, then the Tasks that its actions lead to."""
    made = _Proposal(frame)
    return [made.group(), *made.tasks]


class _Proposal:
    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.tasks: list[Resource] = []

    def group(self) -> Resource:
        """The group: advice by topic, the antivirals to choose from, what cannot be told, the dates."""
        advice = self.frame.advice
        actions = [*self.topics(), *self.choice(), *self.undetermined(), *self.dates()]
        kidney = appraisal.clearance(advice.kidney) if advice.kidney else ""
        named = ", ".join(option.label for option in appraisal.by_name(advice))
        by_name = f"Known by name only, no dose is held: {named}" if named else ""
        said = [item for item in advice.advice if item.said]
        return self.frame.resource(
            "RequestGroup",
            "proposal",
            [
                f"Proposed on {words.day(advice.as_of)}, to be decided by the team; nothing is ordered",
                *map(_line, actions),
            ],
            status="draft",
            intent="proposal",
            priority="urgent" if any(item.severity == "harm" for item in said) else "routine",
            subject=self.frame.subject,
            authoredOn=advice.as_of,
            author=self.frame.device,
            note=notes([*advice.summary, kidney, by_name]),
            action=actions,
        )

    def topics(self) -> list[Resource]:
        """Advice that is said, by topic."""
        groups = []
        for topic, items in self.frame.reading.topics:
            said = [self.advised(item) for item in items if item.said]
            groups += [{"title": text(topic), "groupingBehavior": "visual-group", "action": said}] if said else []
        return groups

    def choice(self) -> list[Resource]:
        """The antivirals of which one at most is chosen. What is contraindicated or to be avoided is no action."""
        options = [self.option(each) for each in self.frame.advice.options if each.verdict in _CHOICE]
        named = {"title": words.OPTIONS, "groupingBehavior": "logical-group", "selectionBehavior": "at-most-one"}
        return [{**named, "action": options}] if options else []

    def undetermined(self) -> list[Resource]:
        """Advice and antivirals that cannot be judged yet, apart from those that can."""
        advice = self.frame.advice
        open_ = [self.advised(item) for item in advice.advice if item.state == "undetermined"]
        open_ += [self.option(option) for option in advice.options if option.verdict == "undetermined"]
        return [{"title": NOT_DETERMINED, "groupingBehavior": "visual-group", "action": open_}] if open_ else []

    def dates(self) -> list[Resource]:
        """The calendar, where there is one."""
        if not self.frame.advice.tasks:
            return []
        return [{"title": fhir_care.TITLE, "resource": self.frame.refer("care")}]

    def advised(self, item: Item) -> Resource:
        """One advice and its Task."""
        standing = self.frame.standing(item)
        title = _title(item.headline, item.state)
        task = self.task(
            f"advice/{item.rule}",
            title,
            [item.text, item.because, standing],
            businessStatus=concept("state", item.state, item.state),
            statusReason=self.waits(item),
            description=texts(item.text or title),
            reasonCode={"text": text(item.because)} if item.because else {},
            note=notes([standing]),
            priority=_priority(item),
        )
        dates = [each.day for each in self.frame.advice.tasks if each.rule == item.rule]
        return self.action(task, title, item.text, standing, dates) | (
            {"documentation": citations(item.sources)} if item.sources else {}
        )

    def option(self, option: Option) -> Resource:
        """One antiviral and its Task: the deciding reason, today's dose in words, what speaks for and against."""
        title = _title(appraisal.name(option), option.verdict)
        doses = [_dose(regimen) for regimen in option.regimens] or [f"Dose: {appraisal.no_dose(option)}"]
        needs = self.frame.reading.needs(option)
        checks = [appraisal.check_line(check) for check in option.checks]
        reasons = [f"{item.headline} ({self.frame.standing(item)})" for item in option.reasons if item.said]
        task = self.task(
            f"option/{option.drug}",
            title,
            [option.why, *doses, *checks, *reasons],
            businessStatus=concept("verdict", option.verdict, words.VERDICT[option.verdict]),
            statusReason=self.waits(option),
            description=texts(f"{words.sentence(option.why)}.", *(f"{dose}." for dose in doses)),
            reasonCode={"text": text(option.why)},
            note=notes([*checks, *reasons, *option.handling, *appraisal.beside(option)]),
            priority="routine",
        )
        standing = words.join([words.VERDICT[option.verdict], f"needs {needs}" if needs else ""])
        sources = cited(option)
        return self.action(task, title, option.why, standing) | (
            {"documentation": citations(sources)} if sources else {}
        )

    def waits(self, item: Item | Option) -> Resource:
        """Every fact that an advice or an antiviral waits for, by name; empty where it waits for none."""
        needs = self.frame.reading.all_needs(item)
        return {"text": text(f"needs {needs}")} if needs else {}

    def task(self, name: str, title: str, told: list[str], **content: object) -> Resource:
        """A Task that nobody has taken up."""
        made = self.frame.resource(
            "Task",
            name,
            [title, *told],
            status="draft",
            intent="proposal",
            code={"text": text(title)},
            **{"for": self.frame.subject},
            authoredOn=self.frame.advice.as_of,
            requester=self.frame.device,
            **content,
        )
        self.tasks.append(made)
        return made

    @staticmethod
    def action(task: Resource, title: str, said: str, standing: str, dates: list[str] | None = None) -> Resource:
        """The action that leads to a Task; ``dates``: when its rule asks for something, the first of them is told."""
        made = {
            "title": text(title),
            "textEquivalent": texts(f"{title}.", said, standing),
            "priority": task["priority"],
            "resource": reference(task),
        }
        return made | ({"description": text(said)} if said else {}) | ({"timingDateTime": min(dates)} if dates else {})


def _title(headline: str, state: str) -> str:
    return f"{NOT_DETERMINED}: {headline}" if state == "undetermined" else headline


def _priority(item: Item) -> str:
    """Only what is said and concerns safety is urgent."""
    return "urgent" if item.said and item.severity == "harm" else "routine"


def _dose(regimen: Regimen) -> str:
    """``Induction: 350 mg every 12 h (5 mg/kg), 7 mL of the 50 mg/mL concentrate``."""
    return f"{words.sentence(regimen.phase)}: {appraisal.dose(regimen)}, {regimen.form}"


def _line(action: Resource) -> str:
    """A group and what is in it, in a line."""
    titles = [part["title"].removeprefix(f"{NOT_DETERMINED}: ") for part in action.get("action", ())]
    return f"{action['title']}: {'; '.join(titles)}" if titles else action["title"]
