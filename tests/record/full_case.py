"""One case file that uses every section, and a way to look at rows without their ids."""

from __future__ import annotations

from typing import Any

from cmvigil.record.tables import Record, as_dict

FULL = """\
cmvigil: 1
patient: A
day_zero: 2026-03-01
as_of: d15
person: {age: 54, sex: female, weight: 62 kg, height: 1.68 m, pregnant: no}
host:
  ibd: {disease: uc, since: 2015, extent: extensive, severity: severe, steroid_response: refractory}
  transplants:
    - organ: kidney
      date: 2020-05
      donor_igg: positive
      recipient_igg: negative
      induction: atg
      rejection: [d-40]
      gvhd: {type: acute, since: d-3}
  hiv: {since: 2001, cd4: 45 /uL}
  other: [haematological_malignancy]
  not: [crohns_disease, gvhd_chronic]
cmv:
  episodes: [{start: d-90, end: d-60, site: colon, note: first}]
  disease: cmv_colitis
  no_disease: [cmv_retinitis]
symptoms: {fever: yes, diarrhoea: {present: no, date: d3}, malaise: unknown}
findings: {macroscopic_lesion: yes}
words: {clinical_course: worsening, cmv_cmi: {value: negative, date: d2}}
viral_load_defaults: {unit: IU/mL, specimen: plasma, assay: Roche, laboratory: central, lloq: 34.5}
viral_loads:
  - {date: d0, value: 1200}
  - {date: d7, value: "<34.5"}
  - {date: d8, value: not detected}
  - {date: d9, value: "detected <34.5"}
  - {date: d10, value: 3.2, unit: log10 IU/mL}
  - {date: d11, value: 1e6, unit: foo}
  - {date: d12, value: 20, reported_on: d13}
  - {date: d12, value: ">1e6", specimen: whole_blood}
  - {date: d12, value: detected, specimen: csf}
tissue:
  - {date: d1, site: colon, he: negative, ihc: {result: positive, density: 12}, pcr: 250 copies/mg}
  - {date: d2, site: stomach, pcr: negative, culture: positive, reported_on: d4}
labs:
  creatinine: [{date: d1, value: 80, unit: umol/L}, {date: d3, value: 1.2 mg/dL, upper_normal: 1.1}]
  neutrophils: "0.8 10*9/L"
  platelets: 100
drugs:
  - {drug: Cymevene, dose: 5 mg/kg, every: 12 h, route: iv, start: d1, end: d14, missed_doses: 2 of 28}
  - {drug: valganciclovir, dose: 0.9 g, every: twice daily, route: po, start: d15, missed_doses: 3 per week}
  - {drug: tacrolimus, start: 2020-05, until: ongoing, intent: maintenance, adequate: yes}
genotype:
  - date: d10
    reported_on: d14
    specimen: plasma
    method: Sanger
    genes: {UL97: {covered: 440-645, changes: [A594V, {change: C603W, fraction: 20 %}]}, UL54: {}}
    calls: {ganciclovir: resistant}
genotype_pending: {sent: d14}
procedures: [{procedure: haemodialysis, start: d2}, {procedure: colectomy, date: d3}]
complete: [medications, {list: symptoms, date: d14}]
"""


def content(record: Record) -> dict[str, list[dict[str, Any]]]:
    """The rows without event ids and sources, in their order of time."""
    return {
        table: [
            {column: value for column, value in as_dict(row).items() if column not in ("event", "source")}
            for row in sorted(rows, key=lambda row: (row.day, row.event))
        ]
        for table, rows in record.rows.items()
    }
