"""Starlette routes beside the Streamlit pages: deep-zoom tiles, scalar maps, uploads; each file bound to its owner."""

from survviz.server.auth import owner_of_cookies
from survviz.server.feature_files import register_features
from survviz.server.folders import ServerFile, allowed_path, list_files, slide_folders, upload_folder
from survviz.server.lifespan import lifespan
from survviz.server.maps import MapView, register_map, register_maps
from survviz.server.middleware import middleware
from survviz.server.register import (
    SlideView,
    patch_image,
    patch_path,
    register_slide,
    slide_without_file,
)
from survviz.server.routes import routes
from survviz.server.uploads import delete_upload, list_unfinished, list_uploads, room_for_upload, uploaded_file

__all__ = [
    "MapView",
    "ServerFile",
    "SlideView",
    "allowed_path",
    "delete_upload",
    "lifespan",
    "list_files",
    "list_unfinished",
    "list_uploads",
    "middleware",
    "owner_of_cookies",
    "patch_image",
    "patch_path",
    "register_features",
    "register_map",
    "register_maps",
    "register_slide",
    "room_for_upload",
    "routes",
    "slide_folders",
    "slide_without_file",
    "upload_folder",
    "uploaded_file",
]
