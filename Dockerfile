# The service. On a CPU, without torch: docker build .   With CUDA torch for an NVIDIA card: docker build --target gpu .
FROM python:3.11-slim AS wheel
WORKDIR /src
RUN --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip install --no-cache-dir -c /constraints.txt build
COPY . .
RUN python -m build --outdir /dist

# What is installed, apart from what installs it: neither pip's cache nor the source reaches the image.
FROM python:3.11-slim AS cpu-packages
WORKDIR /src
RUN python -m venv --without-pip /opt/tagsmith
# The dependencies by themselves: a change of the code does not install them again.
RUN --mount=type=bind,source=pyproject.toml,target=/src/pyproject.toml \
    --mount=type=bind,source=constraints.txt,target=/src/constraints.txt \
    python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > /needed.txt \
    && pip --python /opt/tagsmith/bin/python install --no-cache-dir -c constraints.txt -r /needed.txt
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip --python /opt/tagsmith/bin/python install --no-cache-dir --no-deps /dist/tagsmith-*.whl

FROM cpu-packages AS gpu-packages
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip --python /opt/tagsmith/bin/python install --no-cache-dir -c /constraints.txt "$(echo /dist/tagsmith-*.whl)[gpu]"

FROM python:3.11-slim AS base
# LightGBM needs the OpenMP runtime.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
# State lies in one folder, so that the rest of the file system can be read-only.
RUN useradd --uid 10001 --home-dir /srv/tagsmith --no-create-home tagsmith \
    && install --directory --owner=10001 --group=10001 /srv/tagsmith /srv/tagsmith/var /srv/tagsmith/var/bundles
ENV PATH=/opt/tagsmith/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /srv/tagsmith
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-S", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["tagsmith"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS gpu
COPY --from=gpu-packages /opt/tagsmith /opt/tagsmith
ENV TAGSMITH_RUNTIME=torch

FROM base AS cpu
COPY --from=cpu-packages /opt/tagsmith /opt/tagsmith
