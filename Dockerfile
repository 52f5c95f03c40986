# Hyperlocal's image: one static binary and the certificates that TLS needs.
# Building takes the image of the Go toolchain, the modules that go.mod names, and
# nothing else; the result is built on nothing (scratch).
#
#     docker build -t hyperlocal .
#     docker run -p 8080:8080 -v hyperlocal:/data hyperlocal

FROM golang:1.26 AS build
WORKDIR /src
# First what seldom changes, so that a change of the code fetches no module.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/hyperlocal ./cmd/hyperlocal
# In the image there is no shell to make a folder with, nor one for other files.
RUN mkdir -p /out/data /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/hyperlocal /hyperlocal
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
# The settings as the environment has them; a flag goes before.
ENV HYPERLOCAL_ADDR=:8080 HYPERLOCAL_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
# `docker stop` waits 10 s by default; --shutdown-timeout is 20 s: use -t 30.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/hyperlocal"]
CMD ["serve"]
