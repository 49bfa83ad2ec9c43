"""What happened to a patient: case files and FHIR Bundles become the event tables of ``tables``."""
