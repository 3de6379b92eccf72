"""What is in service, as files and tags have it: tags of models, bundles by digest, the list of services."""
