# syntax=docker/dockerfile:1

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

# The API, the worker, the SFTP gateway and the command line; which one runs is the command.
FROM node:24.21.0-bookworm-slim AS waybill
# Queries, file access and compression share libuv's threads; its default of 4 can be used up by four exports.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 WAYBILL_TEMP_DIRECTORY=/var/tmp/waybill
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY . .
RUN node worker/write-bundle.ts /app/workflow-bundle.js
ENV WAYBILL_WORKFLOW_BUNDLE=/app/workflow-bundle.js
RUN install --directory --owner=node --group=node /var/tmp/waybill
USER node
CMD ["node", "--max-semi-space-size=16", "api/main.ts"]

# MinIO publishes its server as source only, so it is built from the same commit as the local stack's.
FROM golang:1.26.8-bookworm AS minio-build
RUN CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

FROM alpine:3.22 AS minio
COPY --from=minio-build /go/bin/minio /usr/local/bin/minio
RUN adduser -D -u 1000 minio && install -d -o minio -g minio /data
USER minio
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--console-address", ":9001"]
