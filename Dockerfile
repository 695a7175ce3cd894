# The operator's image. Build the program for the image's platform first, then
# `docker build --build-arg PROGRAM=target/release/sagewright -t REGISTRY/sagewright:TAG .`.
# The base holds the C library, certificate authorities and no shell.
ARG BASE=gcr.io/distroless/cc-debian12:nonroot
FROM ${BASE}
ARG PROGRAM=target/release/sagewright
COPY --chmod=0555 ${PROGRAM} /usr/local/bin/sagewright
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/sagewright"]
CMD ["controller"]
