"""The keys of programs that call us."""

from django.db import models


class ServiceKey(models.Model):
    """A service key, without its secret: only the secret's SHA-256 is kept.

    The secret has 256 random bits, so a fast hash is enough: there is nothing to guess.
    """

    prefix = models.CharField(max_length=16, primary_key=True, help_text="the key's public part")
    name = models.CharField(max_length=100, help_text="who holds it")
    secret_sha256 = models.CharField(max_length=64, editable=False)
    scopes = models.CharField(max_length=64, help_text="serve, operate; separated by spaces")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "service_key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
