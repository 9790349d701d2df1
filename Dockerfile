# One image for web, worker, beat, relay and consumer: docker-compose.yml says which it is.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
# Not root; the only places it writes to are volumes at and below /data, which take their owner from these folders.
RUN useradd --system --uid 10001 --home-dir /app musicrec && mkdir -p /data/models /data/ledger && chown -R musicrec /data
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py LICENSE ./
COPY musicrec musicrec
COPY access access
COPY recommendations recommendations
COPY feedback feedback
COPY pages pages
COPY fixtures fixtures
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=musicrec.settings STATE_DIR=/data NUMBA_CACHE_DIR=/data/numba
USER musicrec
VOLUME /data
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "16", "musicrec.wsgi:application"]
