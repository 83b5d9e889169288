// Nothing is asked of anybody else: no validator, no other description than this service's own.
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  validatorUrl: null,
});
