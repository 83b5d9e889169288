// Nothing is asked of anybody else: no validator, no other description than this service's own.
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  validatorUrl: null,
});

// Swagger UI is dark where it is told so; this tells it what the system says, from now on, too.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
