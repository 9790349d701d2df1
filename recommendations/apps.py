from django.apps import AppConfig
from django.db.backends.signals import connection_created


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        """Every connection to SQLite folds names as the rest of the project does."""
        from recommendations.database_folding import teach_sqlite

        connection_created.connect(teach_sqlite, dispatch_uid="recommendations.teach_sqlite")
