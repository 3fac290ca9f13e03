# teelog as a service or a sidecar. The proxy listens on 8080 for everyone who reaches the container; an
# upstream.api_key therefore needs client_keys beside it. The local analytics server stays inside the container unless
# TEELOG_ANALYTICS__HOST opens it. After SIGTERM running streams may finish (TEELOG_LISTEN__DRAIN_SECONDS, 600): give the
# container longer than that to stop, 630 s, since engines kill after 10 s or 30 s unless told otherwise.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY proxy ./proxy
RUN python -m venv /opt/teelog && /opt/teelog/bin/pip install --no-cache-dir .

FROM python:3.13-slim
LABEL org.opencontainers.image.title=teelog \
      org.opencontainers.image.licenses=Apache-2.0
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
# Settings come from the environment, so the check asks the port that is in use.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["teelog", "health"]
ENTRYPOINT ["teelog"]
CMD ["serve"]
