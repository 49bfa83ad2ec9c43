"""FHIR R4 resources become event rows, one module per family of resources.

No model library stands on this path: a resource is the parsed JSON, and only what the rows need is looked
at. An odd
resource never stops intake; it becomes an Issue that names it.
"""
