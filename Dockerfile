# The service on a CPU: no torch, no compiler, no root.
FROM python:3.11-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir build
COPY . .
RUN python -m build --outdir /dist

FROM python:3.11-slim
# LightGBM needs the OpenMP runtime.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    --mount=type=bind,source=constraints.txt,target=/constraints.txt \
    pip install --no-cache-dir --no-compile -c /constraints.txt /dist/tagsmith-*.whl
RUN useradd --uid 10001 --create-home tagsmith
USER 10001
WORKDIR /home/tagsmith
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
CMD ["tagsmith", "serve", "--host", "0.0.0.0", "--port", "8000"]
