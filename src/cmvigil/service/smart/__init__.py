"""Reading from FHIR servers: by a launch from the record (SMART on FHIR), and by ourselves (backend services)."""
