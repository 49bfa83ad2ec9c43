"""What the server keeps: tables, migrations, and what may be asked of them. Each module is one thing that is kept."""
