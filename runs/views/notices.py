"""How one hears that a run ended: where messages go, and what came of the last ones."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from runs.notice_form import NoticesForm
from runs.selectors.notices import deliveries_of, notices_of
from runs.services.notices import channels_of, notices_secret_renew, notices_test
from studio.pages import PageRequest, page


@never_cache
@require_http_methods(["GET", "POST"])
@page
def notices(request: PageRequest) -> HttpResponse:
    """Read and change them. A new secret is shown in the answer, and only there."""
    if request.method == "GET":
        return _shown(request)
    form = NoticesForm(request.POST, wanted=notices_of(user=request.user))
    secret = form.save(user=request.user) if form.is_valid() else None
    if secret is None:
        return _shown(request, form=form, status=422)
    if secret:
        return _shown(request, secret=secret)
    messages.success(request, "Saved.")
    return redirect("runs:notices")


@page
def deliveries(request: PageRequest) -> HttpResponse:
    """The table alone."""
    context = {"deliveries": deliveries_of(user=request.user)}
    return render(request, "runs/parts/deliveries.html", context)


@never_cache
@require_POST
@page
def renew(request: PageRequest) -> HttpResponse:
    """Another secret, shown this once."""
    return _shown(request, secret=notices_secret_renew(user=request.user))


@require_POST
@page
def test(request: PageRequest) -> HttpResponseRedirect:
    """Send a message that tells of no run."""
    delivery = notices_test(user=request.user, channel=request.POST.get("channel", ""))
    messages.success(request, f"A test is on its way by {delivery.get_channel_display()}.")
    return redirect("runs:notices")


def _shown(
    request: PageRequest,
    *,
    form: NoticesForm | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    wanted = notices_of(user=request.user)
    context = {
        "section": "notices",
        "form": form or NoticesForm(wanted=wanted),
        "wanted": wanted,
        "secret": secret,
        "channels": channels_of(wanted),
        "deliveries": deliveries_of(user=request.user),
    }
    return render(request, "runs/notices.html", context, status=status)
