"""Run by Alembic: migrations go over the connection that :class:`~cmvigil.service.store.database.Database` hands in."""

from alembic import context

from cmvigil.service.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
