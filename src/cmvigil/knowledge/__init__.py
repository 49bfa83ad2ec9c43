"""What is known, as text: vocabulary, codes, sources, tables and the pathway. Data only; it imports nothing."""
