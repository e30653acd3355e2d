# The pages of mrdl, with torch for processors alone:  docker build -t mrdl .
# The pages and trainings by numpy need no more; compose.yaml says how to keep what is trained.
FROM python:3.12-slim AS build
RUN python -m venv /opt/mrdl
COPY pyproject.toml README.md /src/
COPY mrdl /src/mrdl
RUN /opt/mrdl/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu "/src[web]"

FROM python:3.12-slim
COPY --from=build /opt/mrdl /opt/mrdl
ENV PATH=/opt/mrdl/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 mrdl && mkdir /lab && chown mrdl /lab
USER mrdl
WORKDIR /lab
VOLUME /lab
EXPOSE 8713
# all addresses are those of the container: who may reach it is said where its port is given out
ENTRYPOINT ["mrdl", "web", "--host", "0.0.0.0", "--port", "8713"]
CMD ["--folder", "/lab"]
