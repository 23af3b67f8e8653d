# survviz on-premises: nothing is downloaded at run time, nothing is written outside of /data. See docs/deploy.md.
FROM python:3.11-slim AS build

# --build-arg TORCH_INDEX=URL takes torch from another package index: PyTorch's own one of CPU builds saves gigabytes
ARG TORCH_INDEX
# --build-arg EXTRAS=[oidc,dicom] installs optional parts
ARG EXTRAS=[oidc]

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /opt/survviz
COPY requirements.txt ./
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
    && pip install --no-cache-dir -r requirements.txt
COPY . .
RUN pip install --no-cache-dir --editable ".${EXTRAS}" \
    && python -m compileall -q survviz pages app.py


FROM python:3.11-slim

RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin survviz \
    && mkdir /data && chown survviz:survviz /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/survviz /opt/survviz

ENV PATH=/opt/venv/bin:$PATH \
    HOME=/data \
    SURVVIZ_HOME=/data/survviz \
    TMPDIR=/data/tmp \
    MPLCONFIGDIR=/data/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    TRANSFORMERS_OFFLINE=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501

USER survviz
WORKDIR /opt/survviz
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "survviz.deployment.probe"]

CMD ["sh", "-c", "mkdir -p /data/tmp && exec streamlit run app.py"]
