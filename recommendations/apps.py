from django.apps import AppConfig
from django.db.backends.signals import connection_created


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        """What each new connection to the database is given."""
        from recommendations.database_away import leave_read_only_servers
        from recommendations.database_folding import teach_sqlite
        from recommendations.durable_commits import keep_commits

        connection_created.connect(teach_sqlite, dispatch_uid="recommendations.teach_sqlite")
        connection_created.connect(keep_commits, dispatch_uid="recommendations.keep_commits")
        connection_created.connect(
            leave_read_only_servers, dispatch_uid="recommendations.leave_read_only_servers"
        )
