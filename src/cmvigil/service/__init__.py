"""The web: pages, CDS Hooks, SMART on FHIR, worklist, storage, security. It calls ``assess`` and shows its answer."""
