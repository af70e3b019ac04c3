ARG BASE
FROM ${BASE}
ARG ARCH
COPY front.py /app/front.py
COPY services/ /manifests/
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
CMD ["python3", "-m", "front"]
