"""A cluster's own services: where they are, WebHDFS, YARN's REST, and waiting for them."""
