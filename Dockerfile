# The binary is static: the image is that one file and the system's root certificates, run as nobody.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /berth ./cmd/berth && mkdir -m 0700 /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /berth /berth
COPY --from=build --chown=65534:65534 /data /data
USER 65534:65534
ENV BERTH_DATA=/data BERTH_LISTEN=:8443
VOLUME /data
EXPOSE 8443
ENTRYPOINT ["/berth"]
CMD ["serve"]
