# teelog as a service or a sidecar. The proxy listens on 8080 for everyone who reaches the container; an
# upstream.api_key therefore needs client_keys beside it. The local analytics server stays inside the container unless
# TEELOG_ANALYTICS__HOST opens it. Give the container longer to stop than running streams need (TEELOG_LISTEN__DRAIN_SECONDS).
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY proxy ./proxy
RUN python -m venv /opt/teelog && /opt/teelog/bin/pip install --no-cache-dir .

FROM python:3.13-slim
# A number, so that a cluster can see that it is not root.
RUN install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /opt/teelog /opt/teelog
ENV PATH=/opt/teelog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TEELOG_LISTEN__HOST=0.0.0.0 \
    TEELOG_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=10s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["teelog"]
CMD ["serve"]
