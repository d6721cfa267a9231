# syntax=docker/dockerfile:1
# The command `vmas` with all that it needs: docker build -t vmas-pipeline .
FROM python:3.11-slim-bookworm AS environment
WORKDIR /app
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir uv==0.13.9
ENV VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_NO_CACHE=1
COPY requirements.lock ./
# sync removes what the lock does not name, uv among it, so uv runs from a copy
RUN cp /opt/venv/bin/uv /usr/local/bin/uv && uv pip sync requirements.lock
COPY pyproject.toml README.md ./
COPY src ./src
RUN uv pip install --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 vmas && install -d -o vmas -g vmas /jobs
COPY --from=environment /opt/venv /opt/venv
# compiled kernels of numba go where the user may write
ENV PATH=/opt/venv/bin:$PATH NUMBA_CACHE_DIR=/home/vmas/.cache/numba PYTHONUNBUFFERED=1
USER vmas
WORKDIR /home/vmas
VOLUME /jobs
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# Reached from outside the container, so VMAS_TOKEN must be set.
ENTRYPOINT ["vmas"]
CMD ["serve", "--host", "0.0.0.0", "--folder", "/jobs"]
