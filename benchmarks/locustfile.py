"""Load on the pages, as a ward makes it: look at the list, open patients, ask for another day, now and then add one.

    cmvigil serve --port 8137 --data /tmp/cmvigil-load &
    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8137 --headless -u 20 -r 5 -t 60s

Raise ``requests_per_minute`` first (CMVIGIL_REQUESTS_PER_MINUTE): all users here are one client.
"""

from __future__ import annotations

import random

from locust import HttpUser, between, task

EXAMPLES = ("relapse-on-azathioprine", "pregnant", "kidney-d-plus-r-minus-refractory", "disseminated-hlh")


class Clinician(HttpUser):
    """Somebody at work with a handful of patients."""

    wait_time = between(0.5, 3)

    def on_start(self) -> None:
        """Load a few patients."""
        page = self.client.get("/patients").text
        self.csrf = page.split('name="csrf" content="')[1].split('"')[0]
        self.patients: list[str] = []
        for name in EXAMPLES:
            self.add(name)

    def add(self, name: str) -> None:
        """Add an invented patient."""
        form = {"name": name, "csrf": self.csrf}
        with self.client.post(
            "/patients/example", data=form, allow_redirects=False, catch_response=True, name="POST /patients/example"
        ) as answer:
            if answer.status_code == 303:
                self.patients.append(answer.headers["location"])
                answer.success()

    @task(10)
    def patient(self) -> None:
        """Open a patient, whose answer is mostly still kept."""
        self.client.get(random.choice(self.patients), name="GET /patients/{id}")

    @task(3)
    def another_day(self) -> None:
        """Ask for another day: computed anew."""
        day = f"2026-03-{random.randint(1, 28):02}"
        self.client.get(f"{random.choice(self.patients)}?as_of={day}", name="GET /patients/{id}?as_of")

    @task(3)
    def lists(self) -> None:
        """Look at the lists."""
        self.client.get("/patients")
        self.client.get("/worklist")

    @task(1)
    def another(self) -> None:
        """Add one more."""
        self.add(random.choice(EXAMPLES))
